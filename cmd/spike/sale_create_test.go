package main

import (
	"errors"
	"testing"
	"time"
)

// An invalid sale is refused before any store is asked. The message names the flag, and gives the API's reason.
func TestSaleCreateNamesTheFlag(t *testing.T) {
	past := moment{time.Now().Add(-time.Hour)}
	for want, c := range map[string]SaleCreateCmd{
		"--total: 1 to 4294967294":              {},
		"--hold: 0s, or 1s to 720h0m0s":         {Total: 1, Hold: time.Millisecond},
		"--limit-per-buyer: 0 to 100":           {Total: 1, Limit: 101},
		"--closes: is over already":             {Total: 1, Closes: past},
		"--shuffle: 100ms to 1h0m0s":            {Total: 1, Shuffle: time.Millisecond},
		"--shuffle-seed: goes with shuffle":     {Total: 1, Seed: "5e"},
		"--shuffle: its window is over already": {Total: 1, Shuffle: time.Minute, Opens: past},
	} {
		c.Redis = "127.0.0.1:1" // no server listens there
		if err := c.Run(t.Context()); !errors.Is(err, errUsage) || message(err) != want {
			t.Errorf("%v, not %s", err, want)
		}
	}
}
