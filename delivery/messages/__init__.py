"""Transactional messages: what is accepted, what is kept of them, and what is told of each change."""
