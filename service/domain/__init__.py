"""What is thought: the pure decision. Imports the standard library and nothing else."""
