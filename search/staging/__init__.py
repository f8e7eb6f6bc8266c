"""Weight files brought to this machine: from a store into the cache, or into a folder to carry."""
