package server

import (
	"net/http"

	"github.com/directsip/directsip/internal/topology"
)

// LinkView is one kind of media on a link in the answer of /network. Limits are in kbit/s and absent where there is none.
type LinkView struct {
	Name       string `json:"name"`
	Kind       string `json:"kind"` // audio or video
	Profile    string `json:"profile"`
	Total      *int   `json:"total,omitempty"`
	Share      *int   `json:"share,omitempty"` // of this server
	PerSession *int   `json:"perSession,omitempty"`
	Used       int    `json:"used"`
	Calls      int    `json:"calls"`
	Refused    uint64 `json:"refused"` // calls, since the server began
}

func (s *Server) getNetwork(w http.ResponseWriter, _ *http.Request) {
	list := []LinkView{}
	for _, u := range s.engine.Links() {
		list = append(list, LinkView{Name: u.Link.Name, Kind: u.Kind.String(), Profile: u.Link.Profile.Name, Total: limit(u.Total), Share: limit(u.Share),
			PerSession: limit(u.Link.Profile.Kinds[u.Kind].PerSession), Used: u.Used, Calls: u.Calls, Refused: u.Refused})
	}
	answer(w, list)
}

// limit is nil for what is none.
func limit(kbps int) *int {
	if kbps >= topology.Unlimited {
		return nil
	}
	return &kbps
}
