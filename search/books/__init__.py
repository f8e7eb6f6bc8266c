"""The books of a search: trials handed out, their epochs, their ends, what is kept of them."""
