package compare

import "spike/bench/process"

// server is one of the compared servers.
type server struct {
	name  string
	addr  string
	proc  *process.Process
	redis *process.Redis // nil if it has none
}

const sale = "ticket"

func (s *server) url() string { return "http://" + s.addr + "/buy/" + sale }

// stop ends the server and its Redis.
func (s *server) stop() {
	if s.proc != nil {
		s.proc.Stop()
	}
	if s.redis != nil {
		s.redis.Stop()
	}
}
