package compare

// Scenario is an answer that everybody gets.
type Scenario struct {
	Name string
	// The hash of the sale, and what the article's local counter lets through to Redis.
	Total, Sold, LocalStock int64
	// Code is what the answer says under "code".
	Code int
	// RatioTarget is the most the edge should cost, in bares, per request; ScriptTarget the most scripts Redis
	// should run per request of it. Printed, never asserted.
	RatioTarget, ScriptTarget float64
}

// Names of the scenarios.
const (
	SoldOut = "soldout"
	Selling = "selling"
)

// manyUnits is more than any run can sell.
const manyUnits = 100_000_000

// Scenarios in the order they are run: 99 of 100 buyers first.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: SoldOut, Total: 1, Sold: 1, LocalStock: 0, Code: -1, RatioTarget: 1.08, ScriptTarget: 0.0002},
		{Name: Selling, Total: manyUnits, Sold: 0, LocalStock: manyUnits, Code: 1, RatioTarget: 1.20, ScriptTarget: 0.02},
	}
}
