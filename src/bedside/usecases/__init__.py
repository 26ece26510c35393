"""Clinical uses on real data: each a folder with a declaration and a README. Deletable."""
