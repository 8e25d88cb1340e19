// SPDX-License-Identifier: Apache-2.0
// keys.js: options of a socket with the keys of a daemon that is reached over TCP, which `assay keys
// generate` made: the files $ASSAY_KEY (our own) and $ASSAY_SERVER_KEY (its public one), or none.
const { readFileSync } = require("fs");
const { ASSAY_KEY: own, ASSAY_SERVER_KEY: server } = process.env;
const key = (file, name) => readFileSync(file, "utf8").match(new RegExp(`${name} = "(.{40})"`))[1];

module.exports = own
  ? {
      curveServerKey: key(server, "public-key"),
      curvePublicKey: key(own, "public-key"),
      curveSecretKey: key(own, "secret-key"),
    }
  : {};
