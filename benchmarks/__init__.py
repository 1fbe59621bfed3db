"""How fast is it, and against what? One file for each question; `make bench` asks them all and prints the bars."""
