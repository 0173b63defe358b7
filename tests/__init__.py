"""The tests. What several of them need lies in ``tests.support``; fixtures lie in the conftest.py of their folder."""
