"""How fast instances get and give back their addresses, beside what the database alone takes."""
