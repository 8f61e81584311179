//go:build !unix

package listener

// plainReads does not exist on this system, so the HTTP server answers every request.
type plainReads struct{}

func newPlainReads(*coarseConn, Plain) *plainReads { return nil }

func (*plainReads) wrote([]byte)         {}
func (*plainReads) mayBegin([]byte) bool { return false }

func (c *coarseConn) readPlain(b []byte) (int, error) { return c.Conn.Read(b) }
