package edge

import "spike/edge/identity"

// Changes are settings that change while an edge sells; what is not set stays as it is.
type Changes struct {
	TokenKeys [][]byte
	JWT       *identity.JWTKey
}

// heed takes changes, until the edge stops selling.
func (s *Server) heed() {
	for {
		select {
		case <-s.life.Done():
			return
		case c := <-s.cfg.Changes:
			s.adopt(c)
		}
	}
}

// adopt takes settings, and opens the decision log anew: its file may have been moved away.
func (s *Server) adopt(c Changes) {
	if len(c.TokenKeys) > 0 {
		s.signer.Change(c.TokenKeys...)
	} else if len(s.cfg.TokenKeys) > 0 {
		s.log.Warn().Msg("to do without --token-key takes a restart; the keys stay")
	}
	if c.JWT != nil {
		s.who.SetJWT(c.JWT)
	} else if s.cfg.JWT != nil {
		s.log.Warn().Msg("to do without --jwt-key takes a restart; the key stays")
	}
	if err := s.decisions.reopen(); err != nil {
		s.log.Error().Err(err).Msg("the decision log goes on in the file it has")
	}
}
