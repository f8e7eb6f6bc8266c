"""What a frozen network gives for each image: computed once, kept in the cache, read by trials."""
