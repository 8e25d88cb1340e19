# SPDX-License-Identifier: Apache-2.0
"""keys.py: the keys of a daemon that is reached over TCP, which `assay keys generate` made: the files
$ASSAY_KEY (our own) and $ASSAY_SERVER_KEY (its public one). Without them a socket stays as it is."""
import os, zmq.auth

def with_keys(socket):
    if os.environ.get("ASSAY_KEY"):
        socket.curve_publickey, socket.curve_secretkey = zmq.auth.load_certificate(os.environ["ASSAY_KEY"])
        socket.curve_serverkey, _ = zmq.auth.load_certificate(os.environ["ASSAY_SERVER_KEY"])
    return socket
