package peers

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/redis/rueidis"
)

// deductScript is the article's: a hash with a total and a sold count, one unit per call.
//
//go:embed deduct.lua
var deductScript string

const saleHash = "ticket_hash_key"

var deductArgs = []string{"ticket_total_nums", "ticket_sold_nums"}

// loadDeduct stores the script in Redis and returns its SHA1.
func loadDeduct(ctx context.Context, c rueidis.Client) (string, error) {
	sha, err := c.Do(ctx, c.B().ScriptLoad().Script(deductScript).Build()).ToString()
	if err != nil {
		return "", fmt.Errorf("load script: %w", err)
	}
	return sha, nil
}
