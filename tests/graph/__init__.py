"""Networks and images, and small ones that other tests are made of."""
