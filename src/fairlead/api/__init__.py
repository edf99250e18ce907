"""The REST face: routes as a table, bodies decoded, answers and errors encoded."""
