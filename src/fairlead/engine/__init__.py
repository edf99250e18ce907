"""From connector and input to the outgoing request, and from the reply to tensors. Pure, synchronous, no I/O."""
