"""Selection: which candidates to label, by one sampler each."""
