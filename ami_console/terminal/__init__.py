"""What a terminal shows: numbers in, lines of text out. No clock, no socket, no control codes."""
