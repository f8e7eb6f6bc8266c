"""Lists a data folder and reads what people wrote about it; nothing here opens a picture."""
