"""How well the risk of an event by each day is predicted, of people who are not all followed."""
