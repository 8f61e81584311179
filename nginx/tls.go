package nginx

import "errors"

// TLS is the encryption of buyers' connections: TLS 1.2 and 1.3.
type TLS struct {
	// Certificate and Key are PEM files. Each is an absolute path, or relative to the directory of nginx.conf. nginx must be able
	// to read them when it starts.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
}

func (c *TLS) check(http2 bool) error {
	if c == nil && http2 {
		return wrong("http2", errors.New("needs tls: browsers speak HTTP/2 over nothing else"))
	}
	if c == nil {
		return nil
	}
	for _, f := range []struct{ field, file string }{{"tls.certificate", c.Certificate}, {"tls.key", c.Key}} {
		if f.file == "" {
			return wrong(f.field, errors.New("is missing; give a PEM file"))
		}
		if err := checkPath(f.file); err != nil {
			return wrong(f.field, err)
		}
	}
	return nil
}
