/** What the longer samples state, item by item: taken from the files by other means than Plumb's. */

/** Product, units in all of its lots, units of them reserved. */
export const odooQuants: readonly [sku: string, quantity: number, reserved: number][] = [
  ['1001', 1, 0], ['1002', 1, 0], ['1003', 2, 0], ['1004', 1, 1], ['1005', 1, 0], ['1006', 1, 0], ['1007', 1, 0], ['1008', 1, 0],
  ['1009', 1, 0], ['1010', 1, 0], ['1011', 1, 0], ['1012', 3, 0], ['1013', 2, 0], ['1014', 4, 0], ['1015', 2, 0], ['1016', 3, 0],
  ['1017', 1, 1], ['1018', 0, 0], ['1019', 0, 0], ['1020', 0, 0], ['1021', 0, 0], ['1022', 0, 0], ['1023', 0, 0],
];

/** The second of the two transaction sets; the first has the first two items. */
export const ediItems: readonly [sku: string, quantity: number][] = [
  ['ZUJZ614-F31/3.0CH1-187', 19], ['NNQ1W55DPS', 15], ['1LA-0285-619C2', 0], ['3MV-4629-057N2', 20], ['BVYHU2925-H97/6.6SF5', 14],
  ['JKFJG0335-A04/F2-9', 20], ['ANLCPF3945A84/4.4S2-0-M', 20], ['VRHFE778-J76/3.6EH2', 0], ['AXRW665/98Q6-692', 0],
  ['QMVZA1557-M98/9.5EM1', 23], ['VYHME501/6.3QU3', 0], ['FVSEAW4035-U58/2.1HK8-NKP7', 21], ['MCAUFR8856-P82/7.3GY4-791', 0],
  ['SRCE8232-X39/0.8ZA8', 12], ['BMEE1860A-D96/6.9AS3', 18], ['DNGL5769J-L42/8.1GJ2', 17], ['UPPB7121K/8.3EJ9-225', 19],
  ['ASJS0818T-C89/9.6HKD', 11], ['RDSA9083R/3.0CEP-C', 8], ['SLMR7945-H22/5.3P6Y-296', 15], ['WWGY2027-J68/6.8JKB', 0],
  ['EJDA5773-R53/1.2CA1', 0], ['BDGQ0616-K13/4.9DP6-2YX', 19], ['CWAB8427/7.2BY0Z', 4], ['EMCD4124-R50/9.2KV5-4', 4],
  ['EWHP1061X94/0.1M6-0-9', 19], ['VWHS6902-D32/3.0DFL', 13], ['QPQJ6752K-X46/7.2TH8-2', 20], ['PBYJ9293F-Q14/5.0ZK6', 0],
  ['HNYB1185H-G47/4.9VL4-1', 2], ['ZYCF6788P-B15/2.9CM1-0NGM', 17], ['UNCS6172U/3.4B4-W', 11], ['GAYV3860K-B58/9.6AU7-6', 0],
  ['ZHHL9261F-E55/8.5GG7', 19], ['LUPY0715P-B10/0.1LT5-907', 12], ['NNDA981/8.0GTN-W', 0], ['FDXF5782-N83/3.3A9P', 0],
  ['CTZT123/4.4QL3-966', 26], ['WJSE578/9.9UT4-060', 19], ['TBXR072/5.4NJ4-523-22', 16], ['CFBF254/6.7LE1-943-4', 17],
  ['CSVT485/1.4ZL5-636', 20], ['VDZW678/9.5KK9-246-29', 89], ['CDXQ3055M59/8.2LQ28U', 0], ['YACP0788S23/5.2J8-02-6', 21],
  ['HUYK7614D80/4.8P4-5-0', 19], ['ECQN746/9.3CF7-215', 1], ['YMRZ001/4.8PF0-810', 9], ['XGPJ5990-G84/6.2GU5-9', 39],
  ['BZKY0745-M39/7.0GD2-3', 14], ['DBUH2071CR48/0.7F3F', 12], ['MQSD9510R-N60/9.3XA4', 19], ['KUFV1981F-P08/6.5FU8-435', 0],
  ['LUYT0554Y-S30/5.4XK0-7', 0], ['GSBX0119SF92/4.9J7-7-U', 26], ['LBNN2724Q/1.4MK6-411', 0], ['WDQQ4137U/9.4QP7-530', 22],
  ['QAFF6338C/8.6AN1', 40], ['FLQZ9612B/2.6DT3-864', 25], ['LQSN2630V/8.7LA0-87-740', 0], ['HBEZ8638K/0.0EH0-459', 0],
  ['TJWU2473W/2.5VL5-53-153', 0], ['XRKH2261V/4.4YZ2-76-752', 0], ['BQTW0920L/2.1TY6-6', 18], ['DFCLHA5279-A49/7.3EY2', 4],
  ['ZNLHMG6366-F45/8.0FT5-1DQ', 17], ['LDJYQT0925-G74/4.9YF3-1', 17], ['UBGXUW4449-T93/5.4FL9-5', 0], ['LYKVWC1436-Y74/6.8TU6', 18],
  ['DEEURB5008-W37/3.2SG6-4', 21], ['EBKVGMZ1669H-H13/5.8TT4', 12], ['QPXEKAZ9965P-X24/8.6QR4-629W', 4], ['SFSXAU31P-Q09/8.8L2S', 0],
  ['BJUDGV14D-S90/6.1Y4S-1TP', 20], ['FQFTTA74-E27/2.5RG6L', 16], ['VNTWLS96N-69U/K3.9.0-4L', 17], ['UBERVG05V-A71P/7BW', 11],
  ['TYHXLU891-Q34/9.7EL6', 17], ['HLGXPL246-C47/6.7LW9-3', 18], ['FHEKHR674-P53/7.5JW0-8', 0],
];

export const odooCsv: readonly [sku: string, quantity: number][] = [
  ['QFBYHT499213', 0], ['KUENFE155688', 0], ['HDVZHV108119', 0], ['NUJEJX006127', 0], ['HWZTHW789452', 0], ['BSZRTJ667191', 0],
  ['NGAKWL443435', 0], ['JUGYMY914135', 0], ['QXRLCU063670', 0], ['UXVGUQ621403', 0],
  ['Sqxp Wpg Wxj Wbzyfmqhgx 7193 Dpmay - Exqr Fslek Gpvyr Ftk', 0], ['Cpdy Sbk Ebj Frxsdgfyyv 1102 Saylx - Aktanksyp Famqpggdu Dyjza', 0],
  ['Bdaa Jew Kld Hjasmjwdjf 5914 Vlekm - Sneut Mprs', 0], ['Rfhc Aad Kgu Lnwsshvavn 2899 Amlzp - Jjmut Cqu', 0],
  ['Bgtk Zyy Zsf Vumabyyafp 4881 Zlpkq - Hgg Hapw', 0], ['Fvgt Eft Rvl Cfnrxrnhlc 2610 Tlhpd - Npbz Dud', 0],
  ['Jyfs Mcx Upg Nbshkscasd 5695 Xjqsg - Vlfpc Qqwkart', 0], ['Jvvg Mjc Pyk Mubjeeaenq 3876 Wzwsd - Vslaxg Bvck', 0],
  ['Hffv Xpb Fmg Apqxjrbuvd 9687 Mhqrp - Fxkep Qrj', 0], ['Xhcm Qrv Sln Klplkrqeum 1395 Hvefr - Yzdrauwqtu Utzync', 0],
  ['BPPPUP045735', 0], ['YUPREL141502', 0], ['ZYQQYG383573', 0], ['DPYKEF923117', 0], ['FTYKZD332247', 0], ['EFKTNA891713', 0],
  ['WDPYHV697306', 0], ['JZTQUU765862', 0], ['VQSRPT554606', 0], ['NAWZCB596906', 10], ['DQLBZX163965', 0], ['CJLBUD171026', 177],
  ['VLVHSS287283', 0], ['CXTXDP781851', 0], ['FFYXPD573953', 0], ['BTXZTJ995636', 0], ['MLESCK904132', 0], ['ZDNLSP796519', 0],
  ['RNWKDY712365', 4], ['QPAEFP147067', 0], ['LZYQPS575758', 0], ['KVAXLU629467', 0], ['FJFXRW867801', 19], ['HMNMVP229511', 0],
  ['SJPEFD659156', 0], ['SSAQDZ052161', 4], ['SPJALK796629', 31], ['HPDBGA094634', 0], ['XQWVQC782299', 0], ['MNVJ23EAPL28JXV', 0],
  ['FSUP75PRNL44UQEH', 0], ['YZDK61TPUA77AJQB', 0], ['BNHM45SQNM65NEVJ', 0], ['WCTJ67DVVB01MEW', 0], ['FZXW40VQNR25JGR', 0],
  ['TCZG89HBXF55SXJ', 0], ['LVLN15YPUG33TNJD', 0], ['APAE46VFXX63HFHX', 0], ['KASZ36BMJB84SEG', 0], ['XQXF70NULY52HGGG', 0],
];

/** Totals; the places of one SKU do not add up to them. */
export const warehouseCsv: readonly [sku: string, quantity: number][] = [
  ['HGT761201', 0], ['EKT843384', 0], ['ZTEPGK249370', 0], ['WZXCKR972288', 0], ['SYRHKZ153108', 0], ['VPUFAS531376', 0],
  ['YYA853503', 0], ['YHQ016402', 0], ['RDBECJ505140', 151], ['Uqma Xxeahc Hyln Ydtsmq 46PB', 0], ['YLDERJ945597', 2059],
  ['GNPAHF060836', 42], ['SUVAPA564807', 988], ['WVZZRP380524', 1005], ['JDKRLY782992', 539], ['KNPCNY266131', 431],
  ['PQUJBR059706', 603], ['KKLDVL158707', 764], ['NLSBTX274242', 526], ['LFXBCB837201', 371], ['QSDTNC593619', 871], ['HFE814884', 5],
  ['DSDD98', 1], ['URUYQC975252', -2], ['Ejcdgdrvdaugk Usvm Gvtkkdcmv 05NN', 0], ['Nmyejscnaumxw Vttb Wcvyztpaz 35UW - 8 Lwjcvf', 0],
  ['Lzwajjbyqpdlg Nrzq Qyrknynbb 85UU - 88 Gyxmuqc', 0], ['Bycjn Xbyqv Baqphs (495gG)-7wx-Ckgls Efk', -25], ['XRZEJN887881', -5],
  ['VUBAFJ254758', -1], ['RMWFXQ616808', -1], ['TWKGNR192924', -1], ['HCEQHY719497', -1], ['MSDJXB644752', 137], ['CTRNNY916446', 137],
  ['SXXBNR094822', 0],
];

/** Handle and first option, since no variant has a SKU. */
export const shopifyCsv: readonly [sku: string, quantity: number][] = [
  ['clay-plant-pot/Regular', 1], ['clay-plant-pot/Large', 3], ['copper-light/Default Title', 2], ['cream-sofa/Default Title', 4],
  ['antique-drawers/Default Title', 2], ['white-bed-clothes/Default Title', 1], ['pink-armchair/Default Title', 0],
  ['wooden-outdoor-table/Default Title', 3], ['brown-throw-pillows/Default Title', 5], ['white-ceramic-pot/Default Title', 1],
  ['yellow-watering-can/Default Title', 4], ['gardening-hand-trowel/Default Title', 2], ['biodegradable-cardboard-pots/Default Title', 8],
  ['grey-sofa/Default Title', 6], ['wooden-outdoor-slats/Default Title', 0], ['wooden-fence/Default Title', 5],
  ['yellow-sofa/Default Title', 5], ['knitted-throw-pillows/Default Title', 1], ['vanilla-candle/Default Title', 5],
  ['black-bean-bag/Default Title', 6], ['bedside-table/Default Title', 1],
];
