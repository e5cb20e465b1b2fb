// A virtual network for the app and the private endpoints of the storage account.
import { Tags } from 'types.bicep'

param location string
param tags Tags
param token string

resource network 'Microsoft.Network/virtualNetworks@2026-03-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: { addressPrefixes: ['10.80.0.0/24'] }
    subnets: [
      {
        name: 'app'
        properties: {
          // Flex Consumption takes up to 40 addresses for an app.
          addressPrefix: '10.80.0.0/26'
          delegations: [
            {
              name: 'app'
              properties: { serviceName: 'Microsoft.App/environments' }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: { addressPrefix: '10.80.0.64/27' }
      }
    ]
  }
}

output networkId string = network.id
output appSubnetId string = '${network.id}/subnets/app'
output endpointSubnetId string = '${network.id}/subnets/endpoints'
