var cls = msg['PV1']['PV1.2']['PV1.2.1'].toString();
if (['I', 'E'].indexOf(cls) == -1) {
  destinationSet.removeAllExcept(['Everything']);
}
msg['PID']['PID.2']['PID.2.1'] = cls + '-' + $('unknown');