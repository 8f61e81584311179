//go:build !unix

package listener

// plainReads does not exist on this system, so the HTTP server answers every request.
type plainReads struct{}

func newPlainReads(*coarseConn, Plain) *plainReads { return nil }

func (c *coarseConn) readPlain([]byte) (n int, ok bool, err error) { return 0, false, nil }
