package order

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"spike/luascripts/ledger"
)

// TestMessagesAreAsDocumented makes a message of every kind, for one unit and for several, for a buyer and for nobody,
// with a hold
// and without, and compares it with the webhooks of openapi.yaml. Every documented webhook must occur.
func TestMessagesAreAsDocumented(t *testing.T) {
	doc := readOpenAPI(t)
	heard := map[string]bool{}
	for _, kind := range []ledger.EventKind{ledger.Reserved, ledger.Prolonged, ledger.Confirmed, ledger.Cancelled, ledger.Expired,
		ledger.Refunded} {
		for _, count := range []uint32{1, 2, ledger.MaxUnits} {
			for _, buyer := range []ledger.Buyer{{}, {1, 2, 3}} {
				for _, held := range []bool{false, true} {
					if kind == ledger.Prolonged && !held {
						continue // there is nothing to prolong
					}
					ev := ledger.Event{ID: "1-0", Number: 4, Kind: kind, Birth: 7, At: 9, Raw: at0,
						Claims: []ledger.Claim{{Serial: 5, Count: count, Fence: 8, Nonce: 3, Expiry: 9, Buyer: buyer}}}
					d := message("tickets", ev, ev.Claims[0], held)
					heard[d.Type] = true
					if err := documented(doc, d.Type, d.Body); err != nil {
						t.Errorf("%s, %d units, hold %v: %v\n%s", kind, count, held, err, d.Body)
					}
					other := strings.Replace(d.Body, `"serial":5`, `"serial":0`, 1)
					more := strings.Replace(d.Body, `"serial":5`, `"serial":5,"secret":"x"`, 1)
					if documented(doc, d.Type, other) == nil || documented(doc, d.Type, more) == nil {
						t.Errorf("%s: the document allows anything", kind)
					}
				}
			}
		}
	}
	for name := range doc.Webhooks {
		if !heard[name] {
			t.Errorf("there is no message %s", name)
		}
	}
}

// readOpenAPI is the document that edges serve.
func readOpenAPI(t *testing.T) *openapi3.T {
	t.Helper()
	text, err := os.ReadFile("../edge/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// documented compares a message with the webhook of that name.
func documented(doc *openapi3.T, name, body string) error {
	hook := doc.Webhooks[name]
	if hook == nil {
		return fmt.Errorf("no webhook %q", name)
	}
	var value any
	if err := json.Unmarshal([]byte(body), &value); err != nil {
		return err
	}
	return doc.ValidateSchemaJSON(hook.Post.RequestBody.Value.Content["application/json"].Schema.Value, value)
}
