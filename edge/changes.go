package edge

import "spike/edge/identity"

// Changes is new settings for an edge that sells. A setting that is nil stays as it is.
type Changes struct {
	TokenKeys [][]byte
	JWT       *identity.JWTKey
}

// takeChanges applies changes until the edge stops selling.
func (s *Server) takeChanges() {
	for {
		select {
		case <-s.life.Done():
			return
		case c := <-s.cfg.Changes:
			s.apply(c)
		}
	}
}

// apply applies new settings. It opens the decision log anew, because its file may have been moved.
func (s *Server) apply(c Changes) {
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
