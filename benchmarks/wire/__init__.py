"""What goes over the wire between a program and the servers: overheard, counted, compared."""
