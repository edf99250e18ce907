"""The composition root: settings in, a wired application out. Every concrete adapter is chosen here and nowhere else."""
