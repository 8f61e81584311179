// Package sales has the sales that are open on this edge. It knows no HTTP.
//
//   - A Registry has the open sales. Get finds an open sale without a lock. Find opens a sale for its first buyer.
//   - A Sale has an allotment, a tally of answers, and two limits: buys that wait, and buys that call the store.
//   - Generations finds the sale of a token by its birth.
//   - Snapshots shows sales to anybody.
//
// Registry, Generations and Snapshots call the store through the same kind of look-up. Callers who ask for the same thing share
// one call, few calls are under way at a time, and a refusal is believed for a moment. Of edge's packages this one imports
// allotment and ringdir.
package sales
