package luascripts_test

import (
	"context"
	"fmt"
	"time"

	"spike/luascripts"
)

// The embedded ledger is a store without a server. An edge leases units of a sale, sells one, and tells the ledger.
func ExampleEmbedded() {
	ctx := context.Background()
	store := luascripts.NewEmbedded(luascripts.DefaultBounds(), time.Now)
	head, _ := store.Create(ctx, "ticket", luascripts.CreateRequest{Total: 100, Hold: time.Minute})

	edge := luascripts.Party{Birth: head.Birth, Instance: "edge-1", Node: "here"}
	lease, _ := store.Lease(ctx, "ticket", luascripts.LeaseRequest{Party: edge, Request: 1, Want: 10, Term: 5 * time.Second})
	grant := lease.Grant
	fmt.Println("leased:", grant.Ranges)

	sold := luascripts.Claim{Serial: 1, Count: 1, Fence: grant.Fence, Nonce: 1, Expiry: grant.Deadline + grant.Hold}
	settled, _ := store.Settle(ctx, "ticket", luascripts.SettleRequest{Party: edge, Batch: 1, Claims: []luascripts.Claim{sold}})
	fmt.Println("kept:", settled.Verdicts[0] == luascripts.Kept)

	paid, _ := store.Confirm(ctx, "ticket", head.Birth, sold)
	audit, _ := store.Audit(ctx, "ticket")
	fmt.Println("confirmed:", paid.Life == luascripts.IsConfirmed, audit.OK, audit.Confirmed)
	// Output:
	// leased: [{1 11}]
	// kept: true
	// confirmed: true true 1
}
