package api

import "github.com/danielgtaylor/huma/v2"

// routes has the nouns: each registers its own routes.
func (s *Server) routes() []func(huma.API) {
	return []func(huma.API){
		s.registerAlive,
		s.registerStats,
		s.registerTorrents,
		s.registerKeys,
		s.registerWhitelist,
		s.registerDeny,
		s.registerSystem,
		s.registerAudit,
	}
}
