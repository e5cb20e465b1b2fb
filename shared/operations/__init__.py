"""What an operator may ask and do. A command line presents it (`p2c/`), and so may anything else."""
