"""Statistics of right and wrong answers: numbers in, numbers out; nothing here reads a file."""
