"""What is wrong with a data folder, in figures, sentences and examples."""
