package compare

// Scenario is an answer that every buyer gets.
type Scenario struct {
	Name string
	// The hash of the sale, and how many requests the article's local counter lets through to Redis.
	Total, Sold, LocalStock int64
	// Code is the answer's "code".
	Code int
	// RatioTarget is the most that a request may cost the edge, in bares. ScriptTarget is the most scripts that Redis may run
	// for it. Both are printed, and never asserted.
	RatioTarget, ScriptTarget float64
}

// Names of the scenarios.
const (
	SoldOut = "soldout"
	Selling = "selling"
)

// manyUnits is more than any run can sell.
const manyUnits = 100_000_000

// Scenarios in the order of running: first what 99 of 100 buyers hear.
func Scenarios() []Scenario {
	return []Scenario{
		{Name: SoldOut, Total: 1, Sold: 1, LocalStock: 0, Code: -1, RatioTarget: 1.08, ScriptTarget: 0.0002},
		{Name: Selling, Total: manyUnits, Sold: 0, LocalStock: manyUnits, Code: 1, RatioTarget: 1.20, ScriptTarget: 0.02},
	}
}
