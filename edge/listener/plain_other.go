//go:build !unix

package listener

// plainReads cannot be had here: the HTTP server answers every request.
type plainReads struct{}

func newPlainReads(*patientConn, Plain) *plainReads { return nil }

func (*plainReads) wrote([]byte)         {}
func (*plainReads) mayBegin([]byte) bool { return false }

func (c *patientConn) readPlain(b []byte) (int, error) { return c.Conn.Read(b) }
