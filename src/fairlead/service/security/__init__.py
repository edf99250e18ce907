"""Identity and privileges: the configuration every worker follows, the ways to prove who asks, the objects behind them."""
