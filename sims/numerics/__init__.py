"""What several families share: kernels, Wishart factors, ridge paths."""
