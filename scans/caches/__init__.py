"""What is kept between runs: decoded images, and what was read of unchanged files."""
