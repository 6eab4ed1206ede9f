// Package identity carries who calls, who was called before and who answered from one leg of a call to the other.
//
// A message that arrives is read by its trunk: From is what everybody may say of himself; P-Asserted-Identity (RFC 3325),
// P-Preferred-Identity and Remote-Party-ID are believed on a trunk with forwardPAI, and Diversion (RFC 5806), History-Info
// (RFC 7044) and Referred-By (RFC 3892) on one with forwardCallHistory. What leaves is written anew for its trunk and never copied: a
// header of this kind from a source that is not trusted, and every relative of it that is not named here (P-Called-Party-ID,
// P-Served-User, Identity, …), ends at this server, however it is spelled.
//
// The package is pure: it reads messages and settings and writes values.
package identity
