"""Workers: a light Ray actor with one warm process that runs TensorFlow, and its limits."""
