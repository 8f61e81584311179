// Package answer writes what buyers and operators hear: bytes on the wire. It asks no store.
//
//   - A Reply is the same for everybody who hears it, and is made before it is needed.
//   - A Problem is an error after RFC 9457; Of says once, for both listeners, which error is which problem.
//   - A Format answers buys: the article's way, or the v1 API's. Write neither blocks nor allocates for the answers of a spike.
//   - A Reservation is what a token's bearer may know.
//
// No answer may be stored on its way: another buyer must not hear it.
package answer
