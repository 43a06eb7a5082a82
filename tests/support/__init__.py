"""What tests of several rooms need: real servers, commands, studies, records, a browser."""
