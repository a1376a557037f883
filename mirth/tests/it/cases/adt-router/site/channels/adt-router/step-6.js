// Names in capitals
msg['PID']['PID.5']['PID.5.1'] = msg['PID']['PID.5']['PID.5.1'].toString().toUpperCase();
msg['PID']['PID.3'][1]['PID.3.5'] = 'PI';
msg['ZPI']['ZPI.1']['ZPI.1.1'] = 'ward ' + msg['PV1']['PV1.3']['PV1.3.1'].toString() + ' {' + $('mrn') + '}';
if (msg['PV1']['PV1.44']['PV1.44.1'].toString() == '') {
    msg['PV1']['PV1.44']['PV1.44.1'] = msg['EVN']['EVN.2']['EVN.2.1'].toString();
} else if (msg['MSH']['MSH.9']['MSH.9.2'].toString() == 'A03') {
    msg['PV1']['PV1.45']['PV1.45.1'] = '';
    delete msg['PV1']['PV1.3'];
}
logger.info('routed');
