// Package answer makes the bytes that buyers and operators get. It calls no store.
//
//   - A Reply is an answer that is the same for everybody. It is made before it is needed.
//   - A Problem is an error after RFC 9457. Of maps errors to problems, for both listeners.
//   - A Format answers buys, in the article's way or in the v1 API's. For the answers of a spike Write neither blocks nor
//     allocates.
//   - A Reservation is what the bearer of a token may know.
//
// No cache may store an answer, because another buyer must not get it.
package answer
