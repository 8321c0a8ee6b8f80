"""What all commands share: command line, files, processes, places, and what MODEL= names."""
