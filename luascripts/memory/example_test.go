package memory_test

import (
	"context"
	"fmt"
	"time"

	"spike/luascripts/ledger"
	"spike/luascripts/memory"
)

// The embedded ledger is a store without a server. An edge leases units of a sale, sells one, and settles it.
func ExampleStore() {
	ctx := context.Background()
	store := memory.New(ledger.DefaultBounds(), time.Now)
	head, _ := store.Create(ctx, "ticket", ledger.CreateRequest{Total: 100, Hold: time.Minute})

	edge := ledger.Party{Birth: head.Birth, Instance: "edge-1", Node: "here"}
	lease, _ := store.Lease(ctx, "ticket", ledger.LeaseRequest{Party: edge, Request: 1, Want: 10, Term: 5 * time.Second})
	grant := lease.Grant
	fmt.Println("leased:", grant.Ranges)

	sold := ledger.Claim{Serial: 1, Count: 1, Fence: grant.Fence, Nonce: 1, Expiry: grant.Deadline + grant.Hold}
	settled, _ := store.Settle(ctx, "ticket", ledger.SettleRequest{Party: edge, Batch: 1, Claims: []ledger.Claim{sold}})
	fmt.Println("kept:", settled.Verdicts[0] == ledger.Kept)

	paid, _ := store.Confirm(ctx, "ticket", head.Birth, sold)
	audit, _ := store.Audit(ctx, "ticket")
	fmt.Println("confirmed:", paid.Life == ledger.IsConfirmed, audit.OK, audit.Confirmed)
	// Output:
	// leased: [{1 11}]
	// kept: true
	// confirmed: true true 1
}
