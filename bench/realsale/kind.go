package realsale

// Kind is a kind of sale.
type Kind struct {
	Name  string
	Limit int  // units per buyer; 0: no limit
	Named bool // buyers come with X-Buyer-Id
	Keyed bool // buyers come with an Idempotency-Key
}

// Names of the kinds that are measured unless others are asked for.
const (
	Anonymous = "anonymous"
	Real      = "limit+key"
)

// Kinds in the order of the tables. What stands between the first and the last tells which part of a real sale costs what.
func Kinds() []Kind {
	return []Kind{
		{Name: Anonymous},
		{Name: "buyer", Named: true},
		{Name: "buyer+key", Named: true, Keyed: true},
		{Name: "limit", Limit: 2, Named: true},
		{Name: Real, Limit: 2, Named: true, Keyed: true},
	}
}
