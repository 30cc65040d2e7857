"""What is known: references, evidence, parameters, wirings and drugs, each read strictly."""
