#!/usr/bin/perl
# A provider of Net::SIP: it takes registrations for six seconds and asks who registers or calls for a password. What it is to do it reads, and what
# has happened it writes, one a line.
# provider.pl ADDRESS USER PASSWORD CONTACT
use strict;
use warnings;
use Net::SIP;

package Witness;    # sees what the registrar is asked with a password
sub new { return bless {}, shift }

sub receive {
    my ( $self, $packet ) = @_;
    return if !$packet->is_request || $packet->method ne 'REGISTER' || !$packet->get_header('authorization');
    print 'registers ', $packet->get_header('expires'), "\n";
    return;
}

package main;

$| = 1;
my ( $address, $user, $password, $contact ) = @ARGV;
my $domain = 'provider.test';
my $ua     = Net::SIP::Simple->new(
    leg    => Net::SIP::Leg->new( addr => $address, port => 5060 ),
    domain => $domain,
    from   => "sip:+14255550100\@$domain",
);
my @login     = ( realm => $domain, user2pass => { $user => $password } );
my $registrar = $ua->create_registrar( min_expires => 2, max_expires => 6, domains => [$domain] );
$ua->listen(
    init_media     => $ua->rtp('media_recv_echo'),
    cb_established => sub { print "established\n" },
    recv_bye       => sub { print "ended\n" },
    auth_realm     => $domain,
    auth_user2pass => { $user => $password },
);
$ua->{dispatcher}->set_receiver( Net::SIP::ReceiveChain->new( [ Witness->new, $ua->create_auth(@login), $registrar, $ua->{endpoint} ] ) );

my $call;
my %do = (
    call => sub {
        my ($to) = map { ref ? @$_ : $_ } $registrar->query("sip:$contact\@$domain");
        $call = $ua->invite( $to, init_media => $ua->rtp('media_recv_echo'), cb_final => sub { print "call $_[0]\n" } );
    },
    reinvite => sub { $call->reinvite( cb_final => sub { print "reinvite $_[0]\n" } ) },
    bye      => sub { $call->bye( cb_final => sub { print "gone\n" } ) },
);
$ua->{loop}->addFD(
    \*STDIN, 0,
    sub {
        my $line = <STDIN>;
        exit 0 if !defined $line;
        chomp $line;
        $do{$line}->();
    },
    'commands'
);
print "listens\n";
$ua->loop;
